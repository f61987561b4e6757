"""The checks room: one visit to a site, judged. The only home of requests and urllib3."""
