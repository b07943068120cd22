"""Downloads by libcurl: several at once, resumed, from the next mirror when one fails."""
