/**
 * Node's HTTP module. An `import` of it reads each of its exports, and some of those load Undici, which nobody here needs:
 * 15 MB and 25 ms of a start.
 */
export const http = process.getBuiltinModule('node:http')
