"""The API's documentation as one page that loads without the internet."""
