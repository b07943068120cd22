"""What is wrong with sign-in, the directory and certificates, a sentence each."""
