import { metadataDataSchema, namesDataSchema, seriesDataSchema } from "../prometheus.ts";
import { searchLineSchema } from "../search.ts";
import {
  data,
  type Endpoint,
  end,
  GET,
  GET_OR_FORM,
  inRange,
  limit,
  match,
  type Parameter,
  start,
  v1,
} from "./endpoint.ts";

const searchParameters: readonly Parameter[] = [
  match,
  { name: "search[]", description: "What names are searched for; any of them.", repeated: true },
  { name: "fuzz_threshold", description: "From 0 to 100: how well a name must answer." },
  {
    name: "fuzz_alg",
    description: "How that is measured.",
    values: ["subsequence", "jarowinkler"],
  },
  { name: "case_sensitive", description: "true unless given." },
  { name: "sort_by", description: "The order of results.", values: ["alpha", "score"] },
  { name: "sort_dir", description: "With sort_by=alpha.", values: ["asc", "dsc"] },
  { name: "include_score", description: "Whether each result says how well it answers." },
  start,
  end,
  limit,
  { name: "batch_size", description: "Results of a line." },
];

/** What series and labels there are. */
export const SERIES_ENDPOINTS: readonly Endpoint[] = [
  v1("series", GET_OR_FORM, "Label sets of series.", data(seriesDataSchema), [
    { ...match, required: true },
    start,
    end,
    limit,
  ]),
  v1("labels", GET_OR_FORM, "Names of labels.", data(namesDataSchema), inRange),
  v1("label/{name}/values", GET, "Values of a label.", data(namesDataSchema), [
    {
      name: "name",
      description: "As it is, or escaped as U__cpu_2e_load.",
      required: true,
      in: "path",
    },
    ...inRange,
  ]),
  v1(
    "search/metric_names",
    GET_OR_FORM,
    "Searches the names of metrics.",
    { kind: "lines", schema: searchLineSchema },
    [
      ...searchParameters,
      { name: "include_metadata", description: "Whether results have type, help and unit." },
    ],
  ),
  v1(
    "search/label_names",
    GET_OR_FORM,
    "Searches the names of labels.",
    { kind: "lines", schema: searchLineSchema },
    searchParameters,
  ),
  v1(
    "search/label_values",
    GET_OR_FORM,
    "Searches the values of a label.",
    { kind: "lines", schema: searchLineSchema },
    [{ name: "label", description: "The name of the label.", required: true }, ...searchParameters],
  ),
  v1("metadata", GET, "Type, help and unit of metrics.", data(metadataDataSchema), [
    limit,
    { name: "limit_per_metric", description: "How many entries of a metric at most." },
    { name: "metric", description: "Only this metric." },
  ]),
];
