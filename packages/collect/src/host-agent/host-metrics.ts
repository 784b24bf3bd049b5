import {
  collectCpu,
  collectKernelStat,
  collectLoad,
  collectPressure,
  collectVmstat,
} from "./cpu.ts";
import { collectDisks } from "./disks.ts";
import { collectFileSystems } from "./file-systems.ts";
import type { HostReader } from "./host-reader.ts";
import { collectMemory } from "./memory.ts";
import { MetricWriter } from "./metric-writer.ts";
import { collectNetworkDevices, collectNetworkProtocols, collectSockets } from "./network.ts";
import { collectSystem } from "./system.ts";

/**
 * The state of a Linux host as node_exporter would show it, with its names, types, help texts and labels, in the text
 * format 0.0.4. What the host does not have, or does not let us read, is left out.
 */
export function renderHostMetrics(reader: HostReader): string {
  const writer = new MetricWriter();
  collectCpu(reader, writer);
  collectKernelStat(reader, writer);
  collectLoad(reader, writer);
  collectPressure(reader, writer);
  collectVmstat(reader, writer);
  collectMemory(reader, writer);
  collectDisks(reader, writer);
  collectFileSystems(reader, writer);
  collectNetworkDevices(reader, writer);
  collectNetworkProtocols(reader, writer);
  collectSockets(reader, writer);
  collectSystem(reader, writer);
  return writer.toText();
}
