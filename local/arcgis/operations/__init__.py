"""The REST operations of ArcGIS: what each one returns, and what it changes in the state."""
