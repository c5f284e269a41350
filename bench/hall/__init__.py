"""A hall under load: bundles of invented candidates, the server with them loaded, and a client that costs little."""
