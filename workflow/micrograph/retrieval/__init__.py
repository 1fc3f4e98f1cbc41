"""Data from elsewhere: servers asked politely, downloads resumed and checked, archives read without running them."""
