/**
 * The network of an interpreter: sockets of the operating system in Node, HTTP through the host elsewhere.
 * Not here: anything that runs before a program uses the network.
 */
import type { EmscriptenModule } from "../emscripten/module";
import { type NodeModules, nodeThreads } from "../environment/node";
import { GatewayBackend } from "./gateway";
import { Network } from "./network";
import { NodeBackend } from "./node-thread";

export function makeNetwork(module: EmscriptenModule, node: NodeModules | undefined): Network {
  return new Network(module, (network) => (node === undefined ? new GatewayBackend(network) : new NodeBackend(network, nodeThreads(node))));
}
