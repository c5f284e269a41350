"""Pure rules of the platform: no models, no Django app, no input or output."""
