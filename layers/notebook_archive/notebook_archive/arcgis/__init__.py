"""Call ArcGIS's REST API.

The modules, from a single HTTP request to the snapshots of a notebook:

- `tls` and `transport` send one request with a token and a deadline. `retries` decides what is retried, and when.
- `envelopes` recognizes error responses, and which codes reject a token.
- `token_secrets` parses secrets. `token_renewal` gets a token from a secret, and a new one if ArcGIS rejects it.
- `client` combines transport, tokens and deadline in one object. `portal`, `item_data` and `notebook_server` use it.
- `discovery` finds the notebook server. `routes` chooses the route to an owner's notebooks. `snapshot_access` uses this
  route for the snapshots of one notebook, and changes it if ArcGIS refuses.
- `caller_identity` identifies the callers of the proxy.
"""
