import { snapshotDataSchema, storageChangeDataSchema } from "../status.ts";
import { CHANGE, data, type Endpoint, end, match, start, v1 } from "./endpoint.ts";

/** What changes what is stored. */
export const ADMIN_ENDPOINTS: readonly Endpoint[] = [
  v1(
    "admin/tsdb/snapshot",
    CHANGE,
    "Copies what is stored to a folder.",
    data(snapshotDataSchema),
    [{ name: "skip_head", description: "Leaves out what is in memory only." }],
  ),
  v1("admin/tsdb/delete_series", CHANGE, "Deletes samples.", { kind: "none" }, [
    { ...match, required: true },
    start,
    end,
  ]),
  v1("admin/tsdb/clean_tombstones", CHANGE, "Frees what was deleted.", { kind: "none" }),
  v1("admin/tsdb/flush", CHANGE, "Moves memory to blocks.", data(storageChangeDataSchema)),
  v1("admin/tsdb/compact", CHANGE, "Merges blocks.", data(storageChangeDataSchema)),
];
