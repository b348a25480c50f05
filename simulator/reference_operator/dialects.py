"""Other right ways to answer."""

HTTP_1_0 = "http-1.0"
