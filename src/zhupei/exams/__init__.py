"""Tests: applications (annex 4), slots, filing, batches, candidates, bundles out, returns in, results."""
