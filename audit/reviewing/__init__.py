"""Second looks: flags raised from sealed lines, views drawn by lot, and what people decide about them."""
