"""What several scripts share: the clock, the judge, the peers, the pages they write."""
