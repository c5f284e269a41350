"""Training institutions: registration and publication, qualifications, teachers, sites, rooms and halls."""
