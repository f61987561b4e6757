"""The worker's side: what becomes of the slots that beat sends, and of the process that checks them."""
