"""Opens what is not a local file: objects of S3, files of Django storages, uploads."""
