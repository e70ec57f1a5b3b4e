"""The invented corpus of `doc_qa`: facts, the questions about them, the documents that state them."""
