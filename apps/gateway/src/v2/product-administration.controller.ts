import { Controller } from '@nestjs/common';
import { newProduct2, productPatch2, productRecord2 } from '@shop/contracts';
import { productAdministrationToldAs } from '../product-administration.ts';
import { strict } from '../strict.ts';
import { newProductFrom2, patchFrom2, recordIn2 } from './products.ts';

@Controller('v2/products')
export class ProductAdministrationV2Controller extends productAdministrationToldAs({
  record: productRecord2,
  product: strict(newProduct2),
  patch: strict(productPatch2),
  tell: recordIn2,
  productOf: newProductFrom2,
  patchOf: patchFrom2,
}) {}
