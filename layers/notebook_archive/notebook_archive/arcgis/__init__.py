"""The client of ArcGIS's REST API.

The modules, from one HTTP request up to the snapshots of a notebook:

- `tls`, `transport`: one request with a token and a deadline. `retries`: what is retried, how often, with which pauses.
- `envelopes`: which answers are errors, and which codes reject a token.
- `token_secrets`, `token_renewal`: from a secret to a token, and from a rejected token to a new one.
- `client`: transport, tokens and deadline in one object. `portal`, `item_data` and `notebook_server` use it.
- `discovery`: where the notebook server is. `routes`: which route an owner's notebooks take. `snapshot_access`: the
  snapshots of one notebook by that route.
- `caller_identity`: who calls the proxy.
"""
