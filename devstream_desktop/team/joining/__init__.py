"""A join, from both sides: invite, questions and answers, and the issuer's decision."""
