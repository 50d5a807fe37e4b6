"""The REST operations of ArcGIS: what each one answers, and what it changes in the state."""
