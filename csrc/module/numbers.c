/* The objects of numbers that repeat: they are made once. */
#include "module.h"

PyObject *sn_few[SN_MOST - SN_FEWEST + 1];

bool sn_numbers_init(void)
{
    for (int i = SN_FEWEST; i <= SN_MOST; i++)
        if (sn_few[i - SN_FEWEST] == NULL && (sn_few[i - SN_FEWEST] = PyLong_FromLong(i)) == NULL)
            return false;
    return true;
}
