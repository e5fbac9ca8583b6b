"""What a person sees: tables, pictures, the page."""
