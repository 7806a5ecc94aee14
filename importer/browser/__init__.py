"""The pages of an import in the admin: each screen has an address and a form, and works without scripts."""
