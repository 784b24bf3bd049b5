import { targetsDataSchema } from "../prometheus.ts";
import {
  configDataSchema,
  relabelStepsDataSchema,
  scrapePoolsDataSchema,
  targetsMetadataDataSchema,
} from "../status.ts";
import { data, type Endpoint, GET, limit, v1 } from "./endpoint.ts";

/** What is scraped. */
export const TARGET_ENDPOINTS: readonly Endpoint[] = [
  v1("targets", GET, "Targets, and how their last scrape went.", data(targetsDataSchema), [
    { name: "state", description: "active, dropped or any." },
    { name: "scrapePool", description: "Only the targets of this job." },
  ]),
  v1(
    "targets/metadata",
    GET,
    "What targets say of their metrics.",
    data(targetsMetadataDataSchema),
    [
      { name: "match_target", description: "A selector of targets by their labels." },
      { name: "metric", description: "Only this metric." },
      limit,
    ],
  ),
  v1(
    "targets/relabel_steps",
    GET,
    "What each relabelling rule of a job makes of labels.",
    data(relabelStepsDataSchema),
    [
      { name: "scrapePool", description: "The name of the job.", required: true },
      { name: "labels", description: "The labels before, as a JSON object.", required: true },
    ],
  ),
  v1("scrape_pools", GET, "The names of scrape jobs.", data(scrapePoolsDataSchema)),
  v1("scrape_pools/config", GET, "The configuration of a job.", data(configDataSchema), [
    { name: "scrapePool", description: "The name of the job.", required: true },
  ]),
];
