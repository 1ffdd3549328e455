"""From prompt lines to recipes with seeds, and the choice of what draws them."""
