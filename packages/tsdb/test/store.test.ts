import { seededRng } from "@pharos/base";
import { Kernels, SeriesTable } from "@pharos/kernels";
import { SimClock, SimDisk, seriesStoreConformance } from "@pharos/testing";
import { openStore } from "../src/store.ts";

const kernels = await Kernels.load();
seriesStoreConformance("the embedded store", () =>
  openStore({
    disk: new SimDisk(seededRng(1)),
    clock: new SimClock(),
    kernels,
    table: new SeriesTable(kernels),
  }),
);
