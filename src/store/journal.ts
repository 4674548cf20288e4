export { AppendLog, type AppendLogOptions } from './append-log.js';
