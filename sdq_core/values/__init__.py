"""What an image is drawn from: recipes, variants, seeds; and the machine that draws it."""
