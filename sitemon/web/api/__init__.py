"""The JSON API, ``/api/v1``: for programs what the page is for people."""
