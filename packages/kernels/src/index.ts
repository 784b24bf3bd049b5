export { type KernelExports, Kernels } from "./kernels.ts";
export { SampleColumns } from "./sample-columns.ts";
