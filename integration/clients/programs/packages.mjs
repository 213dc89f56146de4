// Lets the programs and the documented lines import the packages that scripts/clients.sh has put into the
// folder of GATEWAY_PACKAGES, not beside them. For `node --import`.
import { registerHooks } from 'node:module';
import { resolve as path } from 'node:path';
import { pathToFileURL } from 'node:url';

const packages = pathToFileURL(path(process.env.GATEWAY_PACKAGES, 'package.json')).href;
const isPackage = (specifier) => !/^(\.|\/|file:|node:)/.test(specifier);

registerHooks({
  resolve: (specifier, context, next) => {
    const isOurs = isPackage(specifier) && !context.parentURL?.includes('/node_modules/');
    return next(specifier, isOurs ? { ...context, parentURL: packages } : context);
  },
});
