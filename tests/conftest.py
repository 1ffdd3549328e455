pytest_plugins = ["tests.services", "tests.acceptance.fixtures"]
