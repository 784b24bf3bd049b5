// The streams of a block's index, which is a file of pages; drawn in docs/formats/block.md.
//
//   ROOT      one record: what is needed to find the others
//             | series count varint | bytes behind each chunk's columns u8 | labels, by name: count varint, then (name text | values varint | sizes varint ...) |
//             | size of each record of SERIES: count varint, then varints | the same of TIMES, with how many there are |
//   LABELS    for each name up to 64 values a record, both in rising order. Such a pair's number is its place among all
//             | offset of the first one's postings varint | (shared varint | rest size varint | rest | postings size varint) ...|
//             `shared` is how many bytes the value has in common with the one before
//   POSTINGS  a record for each label: postings-codec.ts
//   SERIES    up to 32 series a record, in the order of their labels
//             | offset in VALUES of the first chunk varint | first time column varint | series ... |
//             a series: | labels shared with the one before varint | others varint | (gap varint) ... | sets of columns ... |
//             a set: | chunks << 3 | kind << 1 | whether another follows | then for each chunk:
//             a kind from 4 on: | kind less 4 << 1 | whether another follows | chunks varint | then the same
//             | time column less the one expected, signed | size varint for each column |
//   TIMES     up to 64 time columns a record
//             | offset in TIMESTAMPS of the first varint | first minimum ms f64 |, then each:
//             | size varint | count varint | minimum less the one before, signed | maximum less minimum varint | copy varint |
//             `copy` is 0, or 1 + the offset in SHARED_TIMESTAMPS of the same column
export const ROOT = 0;
export const LABELS = 1;
export const POSTINGS = 2;
export const SERIES = 3;
export const TIMES = 4;
export const INDEX_STREAMS = 5;
export const INDEX_STREAM_NAMES = ["root", "labels", "postings", "series", "times"] as const;

/** What follows the columns of a chunk in a file that is not compressed: their CRC-32. */
export const CHUNK_CHECKSUM_SIZE = 4;

/** The streams of the columns file. */
export const VALUES = 0;
export const TIMESTAMPS = 1;
/** Columns of timestamps that several chunks have, once more: a damaged byte in one would cost all of them. */
export const SHARED_TIMESTAMPS = 2;
export const COLUMN_STREAMS = 3;
export const COLUMN_STREAM_NAMES = ["values", "timestamps", "timestamps, shared"] as const;

export const LABEL_GROUP = 64;
export const SERIES_GROUP = 32;
export const TIMES_GROUP = 64;
