"""What the answers say about the items and the papers: classical statistics, item response theory, DIF, drift, exposure."""
