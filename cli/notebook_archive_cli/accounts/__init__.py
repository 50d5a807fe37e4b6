"""Keep the credentials of owners, and the webhook on the portal."""
