"""Is a response what the site's owner expects, and in which words is it not."""
