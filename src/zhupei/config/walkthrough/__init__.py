"""The whole chain over HTTP on a fresh installation, as each actor uses the pages' own forms, refusals included."""
