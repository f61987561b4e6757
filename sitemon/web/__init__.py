"""The page and the API: what people and programs read of the database, over HTTP."""
