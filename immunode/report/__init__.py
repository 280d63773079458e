"""Results for people and machines: each report has `.table()`, what a terminal shows, and `.json()`, plain data."""
