"""The ground floor: records, outcomes, identity, registry, errors. It imports no other room."""
