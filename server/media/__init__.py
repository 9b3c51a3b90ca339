"""Pictures: reading them safely, making the public copies, and keeping the bytes."""
