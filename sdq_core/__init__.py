"""The ground that everything stands on: values, errors, settings, models, images and the queue."""
