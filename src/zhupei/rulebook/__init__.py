"""The rule as data: dated parameters, working-day calendar, divisions, posts, syllabi, legal basis."""
