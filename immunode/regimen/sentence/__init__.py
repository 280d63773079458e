"""Read the sentence that a clinician writes into phases, and write phases back."""
