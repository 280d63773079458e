"""Virtual patients, and the trials that they take part in."""
