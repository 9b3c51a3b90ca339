"""Pages: one file per area. They call server's actions and know no rule of their own."""
